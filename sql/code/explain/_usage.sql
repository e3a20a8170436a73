create or replace function _usage(p_step_ids uuid[])
returns jsonb
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The usage that the attempts at these steps report, summed up: {"tokens": 1200, …}, of the numbers at the top of their
-- usage. 1,000 attempts a step are looked at.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select coalesce(jsonb_object_agg(t.name, t.total), '{}')
      from (select u.key as name, sum(u.value::numeric) as total
              from unnest(p_step_ids) n (id)
             cross join lateral (select r.meta from ops_action_runs r where r.step_id = n.id order by r.id limit 1000) r
             cross join lateral jsonb_each(case jsonb_typeof(r.meta -> 'usage')
                                             when 'object' then r.meta -> 'usage' else '{}' end) u
             where jsonb_typeof(u.value) = 'number'
             group by u.key) t);
end;
$$;
