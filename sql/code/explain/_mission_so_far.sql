create or replace function _mission_so_far(p_mission_id uuid)
returns jsonb
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- A mission as evidence for a person: {"id", "title", "status", "steps": [{"key", "status", "result"}]}, null where
-- there is none. The first 20 steps, each result cut at 200 characters.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select jsonb_build_object('id', m.id, 'title', m.title, 'status', m.status, 'steps', s.steps)
      from ops_missions m
     cross join lateral (
       select coalesce(jsonb_agg(jsonb_build_object('key', w.key, 'status', w.status, 'result',
                                                    left(w.result::text, 200)) order by w.position), '[]') as steps
         from (select t.* from ops_mission_steps t where t.mission_id = m.id order by t.position limit 20) w) s
     where m.id = p_mission_id);
end;
$$;
