create or replace function fn_list_purges(p_limit integer default 50, p_batch text default null)
returns table (at timestamptz, part text, how text, before timestamptz, purged bigint, batch text, login text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- What was purged by hand (fn_purge), newest first, a row for each call, p_limit at most; of p_batch alone where it is
-- given. What heartbeats purge is summed up in ops_retention.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  select a.created_at, a.subject_type, a.detail ->> 'how', (a.detail ->> 'before')::timestamptz,
         (a.detail ->> 'purged')::bigint, nullif(a.subject_id, ''), a.login
    from ops_audit_log a
   where a.action = 'purge' and (p_batch is null or a.subject_id = p_batch)
   order by a.id desc
   limit p_limit;
end;
$$;
comment on function fn_list_purges(integer, text) is
  'What was purged by hand, newest first: when, which part, deleted, archived or exported, how many rows, the batch of '
  'an export, and the login. OPS_018 for a limit that cannot be.';
