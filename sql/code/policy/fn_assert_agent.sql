create or replace function fn_assert_agent(p_role text)
returns void
language plpgsql
stable
security definer
set search_path from current
as $$
-- Proves that this login may be handed to an agent of a role: it is one of the role's logins, if policy lists any, and
-- neither it nor a role that it is a member of may do more than emit, propose, vote, publish and read. The check is
-- about privileges, not about names of roles, so that it finds every right to decide, set policy, lease or write a
-- table, also of later releases.
-- Locks: none. Writes: nothing. Raises: OP015 for another role's login, or naming what it may do too much, OP018 for a
-- role that policy does not name.
declare
  v_for_agents constant text[] := array['fn_emit_event', 'fn_emit_events', 'fn_create_proposal', 'fn_create_proposals',
    'fn_cast_vote', 'fn_withdraw_proposal', 'fn_publish_outbox', 'fn_radar_upsert'];
  v_rights_of constant text := _acting_role();
  v_role jsonb := _agent_roles(_policy('agent_roles')) -> p_role;
  v_too_much text[];
begin
  if v_role is null then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: agent_roles has no role %s', quote_nullable(p_role)),
      detail = jsonb_build_object('roles', array(select jsonb_object_keys(_agent_roles(_policy('agent_roles')))))::text,
      hint = 'Name one of these roles, or have it added to the policy document agent_roles.';
  end if;

  if jsonb_typeof(v_role -> 'logins') = 'array' and not v_role -> 'logins' ? _acting_login() then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: login %s may not speak for the role %s', _acting_login(), p_role),
      detail = jsonb_build_object('login', _acting_login(), 'role', p_role, 'logins', v_role -> 'logins')::text,
      hint = 'Connect as one of the logins that agent_roles lists for this role.';
  end if;

  with own as materialized (
    select r.oid, r.rolname, r.rolsuper or r.rolcreaterole as rules
      from pg_roles r
     where pg_has_role(v_rights_of, r.oid, 'member')
  ), installed as (
    select quote_ident(current_schema())::regnamespace as id
  )
  select array_agg(distinct f.what order by f.what) into v_too_much
    from (select 'role ' || o.rolname as what
            from own o
           where o.rules or o.rolname in ('pg_execute_server_program', 'pg_write_server_files')
          union all
          select p.proname
            from own o, installed i, pg_proc p
           where p.pronamespace = i.id and p.provolatile = 'v' and p.proname <> all (v_for_agents)
             and has_function_privilege(o.oid, p.oid, 'execute')
          union all
          select c.relname
            from own o, installed i, pg_class c
           where c.relnamespace = i.id and c.relkind in ('r', 'p', 'v')
             and (has_table_privilege(o.oid, c.oid, 'insert, update, delete, truncate')
                  or has_any_column_privilege(o.oid, c.oid, 'insert, update'))) f;
  if v_too_much is not null then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: the login %s may do more than an agent may', _acting_login()),
      detail = jsonb_build_object('login', _acting_login(), 'may', to_jsonb(v_too_much[1:20]), 'in_all',
                                  cardinality(v_too_much))::text,
      hint = format('Connect as a login that is a member of %s_producer and of no other role.', current_schema());
  end if;
end;
$$;
comment on function fn_assert_agent(text) is
  'Raises unless this login may be handed to an agent of that role: OPS_015 when it may approve, decide, set policy, '
  'lease, or write a table, itself or by a role it is a member of, or is none of the logins that policy lists for the '
  'role; OPS_018 when agent_roles does not name the role.';
