create or replace function ops_maybe_finalize_mission(p_mission_id uuid)
returns void
language plpgsql
set search_path from current
as $$
-- Makes a mission follow from its steps now, as the next heartbeat would: for a caller that ended them by UPDATE. Under
-- the name that the reference loop has, with the rights of the caller, who must be the owner for that UPDATE, too.
-- Locks, Writes: as _mend_missions. Raises: nothing of ours.
begin
  perform _mend_missions(array[p_mission_id]);
end;
$$;
