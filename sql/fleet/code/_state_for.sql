create or replace function _state_for(p_node integer)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- What a node is to be told: all that is paused, whether it missed a kill, and every policy in force.
-- Locks: none. Writes: nothing. Raises: OP018 when the caps leave it nothing.
begin
  return (
    select jsonb_build_object(
             'generation', s.generation, 'kills', s.kills, 'kill_missed', n.kills < s.kills,
             'pauses', (select coalesce(jsonb_agg(jsonb_build_object(
                                 'scope', p.scope, 'target', p.target, 'kill', p.kill, 'reason', p.reason,
                                 'by', p.paused_by)), '[]')
                          from fleet_pauses p),
             'policies', (select coalesce(jsonb_object_agg(l.key, _share_of(p_node, l.key, l.value)), '{}')
                            from fn_list_policies() l))
      from fleet_state s, fleet_nodes n
     where n.node = p_node);
end;
$$;
