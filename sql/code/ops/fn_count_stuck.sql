create or replace function fn_count_stuck()
returns table (reason text, missions bigint, steps bigint, oldest timestamptz)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The reasons why missions are stuck (held, for a person, paused, no worker, blocked by policy, locked, lease over,
-- over a limit, dependency), a row each, most missions first: how many missions and steps, and since when. A mission
-- that waits for two things counts for both. Found where open steps wait, 10,000 of each kind at most.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select r.key, count(*), sum(r.value::bigint)::bigint, min(s.since)
    from _stuck_missions(_perhaps_stuck()) s
   cross join lateral jsonb_each_text(s.reasons) r
   group by r.key
   order by 2 desc, 1;
end;
$$;
comment on function fn_count_stuck() is
  'The reasons why missions are stuck (held, for a person, paused, no worker, blocked by policy, locked, lease over, '
  'over a limit, dependency), with the number of missions and steps, and since when. fn_list_missions with {"stuck": '
  'true} lists them.';
