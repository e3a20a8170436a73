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
  c_youngest constant timestamptz := _now() - interval '1 day';
  v_cuts jsonb := _retention_cuts(_policy('retention'));
  v_row record;
  v_done jsonb;
begin
  if p_part is null or not exists (select from _retention_parts() r where r.part = p_part)
     or p_before is null or p_before > c_youngest or not isfinite(p_before)
     or p_how is null or p_how not in ('delete', 'archive', 'export', 'count')
     or p_limit is null or p_limit not between 1 and 100000
     or length(p_after) > 100 or p_after !~ '^([0-9]{1,18}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$'
     or length(p_batch) not between 1 and 200 then
    raise exception using errcode = 'OP018',
      message = 'OPS_018: a purge needs a part, a time at least a day ago, and what becomes of the rows',
      detail = jsonb_build_object('part', left(p_part, 100), 'before', p_before, 'how', left(p_how, 100), 'after',
                                  left(p_after, 100), 'limit', p_limit)::text,
      hint = format('p_part: %s; p_how: delete, archive, export or count; p_after: the "next" of the call before; '
                    'p_batch: 1 to 200 characters; p_limit: 1 to 100000. Nothing was purged.',
                    (select string_agg(r.part, ', ') from _retention_parts() r));
  end if;
  if (p_after ~ '^[0-9]+$') <> (select a.atttypid <> 'uuid'::regtype
                                  from _retention_parts() r
                                  join pg_attribute a on a.attrelid = quote_ident(r.of_table)::regclass
                                                     and a.attname = r.key
                                 where r.part = p_part) then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: %s is no key of part %s', p_after, p_part),
      hint = 'p_after: the "next" of the call before. Nothing was purged.';
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
