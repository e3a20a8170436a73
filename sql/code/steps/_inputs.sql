create or replace function _inputs(p_depends_on uuid[])
returns jsonb
language plpgsql
stable
set search_path from current
set enable_seqscan = off
as $$
-- Results of the steps that a step depends on, by key; null for one that failed or was skipped.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select coalesce(jsonb_object_agg(d.key, d.result), '{}')
            from ops_mission_steps d where d.id = any (p_depends_on) and d.key is not null);
end;
$$;
