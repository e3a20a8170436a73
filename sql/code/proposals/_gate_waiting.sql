create or replace function _gate_waiting(p_limit integer)
returns void
language plpgsql
set search_path from current
as $$
-- Gates proposals that are pending only because a cap counter was busy when they were made. One whose template was
-- changed meanwhile is left for a person to see (OPS_016).
-- Locks: the proposals, SKIP LOCKED; cap counters. Writes: what the gate writes. Raises: nothing.
declare
  v_ids uuid[];
begin
  select array_agg(w.id) into v_ids
    from (select p.id from ops_mission_proposals p
           where p.status in ('pending', 'voting') and p.counted_at is null
             and p.template_digest = _digest(jsonb_build_array(p.template, p.slots))
           order by p.created_at
           limit p_limit
             for update skip locked) w;
  if v_ids is not null then
    perform _gate_proposals(v_ids);
  end if;
end;
$$;
