create or replace function fn_purge(
  p_part text,
  p_before timestamptz,
  p_how text default 'delete',
  p_after text default null,
  p_batch text default null,
  p_limit integer default 1000
)
returns table (of_table text, gone text)
language plpgsql
security definer
set search_path from current
set lock_timeout = '100ms'
as $$
-- Purges by hand what a part has from before p_before, whatever the document retention says, but failed missions not
-- sooner than keep_failed_days: up to p_limit rows, in half a second, beginning above p_after, the "next" of the call
-- before. p_how: delete, archive, export (each row is returned; the caller keeps it before he commits) or count (only
-- counts). The last row has no table and says what was done: {"purged", "locked", "needed", "errors", "error", "next"},
-- with "busy" where another session is purging. p_batch: the name that an export gives to its rows.
-- Locks: that of _begin_purge, and rows of what goes, SKIP LOCKED. Writes: what goes, ops_retention, ops_purged,
-- ops_spent_keys, ops_audit_log. Raises: OP018 for an argument that cannot be, OP084 for an archive that lacks a
-- column.
declare
  v_cuts jsonb := _retention_cuts(_policy('retention'));
  v_row record;
  v_done jsonb;
  v_fault text;
begin
  v_fault := case
    when p_part is null or not exists (select from _retention_parts() r where r.part = p_part)
      then format('p_part must be one of %s', (select string_agg(r.part, ', ') from _retention_parts() r))
    when p_before is null or p_before > _now() - interval '1 day' or not isfinite(p_before)
      then 'p_before must be at least a day ago'
    when p_how is null or p_how not in ('delete', 'archive', 'export', 'count')
      then 'p_how must be delete, archive, export or count'
    when length(p_after) > 100 or p_after !~ '^([0-9]{1,18}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$'
         or (p_after ~ '^[0-9]+$') <> (select a.atttypid <> 'uuid'::regtype
                                         from _retention_parts() r
                                         join pg_attribute a on a.attrelid = quote_ident(r.of_table)::regclass
                                                            and a.attname = r.key
                                        where r.part = p_part)
      then format('p_after must be a key of part %s, the "next" of the call before', p_part)
    when length(p_batch) not between 1 and 200 then 'p_batch must have 1 to 200 characters'
    when p_limit is null or p_limit not between 1 and 100000 then 'p_limit must be from 1 to 100000'
  end;
  if v_fault is not null then
    raise exception using errcode = 'OP018', message = 'OPS_018: ' || v_fault,
      detail = jsonb_build_object('part', left(p_part, 100), 'before', p_before, 'how', left(p_how, 100), 'after',
                                  left(p_after, 100), 'limit', p_limit)::text,
      hint = 'Nothing was purged. For example: select * from fn_purge(''outbox'', now() - interval ''90 days'');';
  end if;
  if p_how <> 'count' and not _begin_purge() then
    return query select null::text, jsonb_build_object('purged', 0, 'busy', true, 'next', p_after)::text;
    return;
  end if;
  v_cuts := v_cuts || jsonb_build_object(
    'missions', p_before, 'any_missions', p_before, 'events', p_before, 'any_events', p_before, 'outbox', p_before,
    'dead_letters', p_before, 'history', p_before,
    'failed', case when v_cuts ->> 'failed' = '-infinity' then p_before
                   else least(p_before, (v_cuts ->> 'failed')::timestamptz) end);
  for v_row in
    select * from _retain(p_part, p_after, v_cuts, p_how, p_batch, p_limit,
                          clock_timestamp() + interval '0.5 seconds')
  loop
    if v_row.of_table is null then
      v_done := v_row.gone;
    else
      of_table := v_row.of_table;
      gone := v_row.gone::text;
      return next;
    end if;
  end loop;
  if p_how <> 'count' and (v_done ->> 'purged')::bigint > 0 then
    insert into ops_retention as r (part, purged) values (p_part, (v_done ->> 'purged')::bigint)
    on conflict (part) do update set purged = r.purged + excluded.purged;
    perform _audit('purge', p_part, p_batch, null, null,
                   v_done || jsonb_build_object('how', p_how, 'before', p_before));
  end if;
  return query select null::text, v_done::text;
end;
$$;
comment on function fn_purge(text, timestamptz, text, text, text, integer) is
  'Purges what a part (missions, proposals, events, outbox, …) has from before a time, p_limit rows at most in half a '
  'second, beginning above p_after. p_how: delete, archive, export (rows are returned; keep them, then commit) or '
  'count. The last row has no table: {"purged", "locked", "needed", "errors", "next"}. OPS_018 for an argument that '
  'cannot be, OPS_084 for an archive that lacks a column.';
