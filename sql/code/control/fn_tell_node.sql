create or replace function fn_tell_node(p_state jsonb, p_actor text default null)
returns jsonb
language plpgsql
security definer
set search_path from current
as $$
-- Brings a node to what its fleet is to be, in one transaction, and lets it hand out work: {"generation",
-- "kill_missed", "pauses": [{"scope", "target", "kill", "reason", "by"}], "policies": {key: document}}. A kill that it
-- missed is made up for, though it was lifted since: steps that ran meanwhile are taken back. A pause that the front
-- told it before and does not name any more is lifted; a pause that was made on the node itself stays.
-- Locks: control and the barriers, to the end of the transaction; policies. Writes: ops_control, and what fn_pause,
-- fn_resume, fn_kill_switch and fn_set_policy write. Raises: OP015, OP018, OP089 for a loop by itself or an older
-- state; and as they do.
declare
  v_control ops_control;
  v_pauses jsonb := p_state -> 'pauses';
  v_is_killed boolean;
  v_one record;
begin
  perform _assert_login_may('fn_tell_node(jsonb, text)');
  if jsonb_typeof(p_state -> 'generation') is distinct from 'number'
     or jsonb_typeof(p_state -> 'kill_missed') is distinct from 'boolean'
     or jsonb_typeof(v_pauses) is distinct from 'array'
     or jsonb_typeof(p_state -> 'policies') is distinct from 'object' then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_state must be what the front of a fleet tells',
      hint = '{"generation", "kill_missed", "pauses", "policies"}; opsloop fleet sync sends it.';
  end if;
  perform _lock_control();
  select * into v_control from ops_control;
  if v_control.node = 0 or (p_state -> 'generation')::bigint < (v_control.told -> 'generation')::bigint then
    raise exception using errcode = 'OP089',
      message = case when v_control.node = 0 then 'OPS_089: this loop is no node of a fleet'
                     else 'OPS_089: this node was told something newer' end,
      detail = jsonb_build_object('node', v_control.node, 'generation', v_control.told -> 'generation')::text,
      hint = 'opsloop fleet status shows the nodes of the fleet.';
  end if;

  v_is_killed := exists (select from jsonb_array_elements(v_pauses) e where (e -> 'kill')::boolean);
  if v_is_killed or (p_state -> 'kill_missed')::boolean then
    perform fn_kill_switch(p_actor, 'told by the front of the fleet');
    if not v_is_killed then
      perform fn_resume('all', null, p_actor, 'told by the front of the fleet');
    end if;
  end if;
  for v_one in
    select e ->> 'scope' as scope, e ->> 'target' as target, e ->> 'reason' as reason, e ->> 'by' as who
      from jsonb_array_elements(v_pauses) e
     where not (e -> 'kill')::boolean
       and not exists (select from ops_pauses p where p.scope = e ->> 'scope' and p.target = e ->> 'target')
  loop
    perform fn_pause(v_one.scope, nullif(v_one.target, ''), coalesce(v_one.who, p_actor), v_one.reason);
  end loop;
  for v_one in select e.key, e.value from jsonb_each(p_state -> 'policies') e loop
    perform fn_set_policy(v_one.key, v_one.value, p_actor, null, 'told by the front of the fleet');
  end loop;
  for v_one in
    select e ->> 'scope' as scope, e ->> 'target' as target
      from jsonb_array_elements(coalesce(v_control.told -> 'pauses', '[]')) e
     where not exists (select from jsonb_array_elements(v_pauses) n
                        where n ->> 'scope' = e ->> 'scope' and n ->> 'target' = e ->> 'target')
  loop
    perform fn_resume(v_one.scope, nullif(v_one.target, ''), p_actor, 'told by the front of the fleet');
  end loop;
  update ops_control c
     set told = p_state - array['policies', 'kill_missed'], told_server_start = pg_postmaster_start_time(),
         updated_at = _now();
  perform _wake_workers();
  return fn_node();
end;
$$;
comment on function fn_tell_node(jsonb, text) is
  'For the front of a fleet (docs/scaling.md): brings this node to the pauses, the kill switch and the policies that '
  'it names, as p_actor, and lets it hand out work again after its server has started. Returns what fn_node() says '
  'then. OPS_089 for a loop by itself, and for a state older than the one told last.';
