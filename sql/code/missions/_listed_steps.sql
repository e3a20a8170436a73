create or replace function _listed_steps(p_ids uuid[])
returns table (id uuid, mission_id uuid, title text, was text, ok boolean, status text, code text, reason text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- These steps as a dry run shows them, newest first: reason is their last error, or what they wait for.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select s.id, s.mission_id, s.key, s.status, null::boolean, null::text,
         coalesce(s.last_error_code, (select p.code from ops_parked_steps p where p.step_id = s.id)),
         coalesce(s.last_error, s.wait_reason)
    from ops_mission_steps s
   where s.id = any (p_ids)
   order by s.id desc;
end;
$$;
