-- The function names of the reference loop (ops_claim_next_step, ops_gate_proposal …) over a loop, in its own schema,
-- where the tables have these names anyway: its worker finds both in one. Installed and removed by itself, as the owner
-- of the loop: `opsloop compat install ops`, or
--   psql -v ON_ERROR_STOP=1 --single-transaction -c "set local opsloop.schema = 'opsloop'" -f sql/compat/ops.sql
-- Again after an upgrade does no harm. ops_remove.sql takes it back. The comment on each function says that it is ours.
\ir ../loader/begin.sql
set local lock_timeout = '5s';
do $$
declare
  v_foreign text;
begin
  if to_regprocedure('fn_list_roles()') is null or to_regclass('ops_mission_steps') is null then
    raise exception using errcode = 'OP021',
      message = format('OPS_021: opsloop is not installed in schema %I, or too old', current_schema()),
      hint = 'opsloop migrate installs and upgrades it.';
  end if;
  select string_agg(p.oid::regprocedure::text, ', ' order by p.oid::regprocedure::text) into v_foreign
    from pg_proc p
   where p.pronamespace = quote_ident(current_schema())::regnamespace
     and p.proname = any ('{ops_cast_vote, ops_claim_next_step, ops_create_mission_from_proposal,
                            ops_create_proposal_and_maybe_autoapprove, ops_extract_step_kinds, ops_gate_proposal,
                            ops_is_auto_approvable, ops_maybe_finalize_mission, ops_recover_expired_leases,
                            ops_recover_stale_steps}')
     and obj_description(p.oid, 'pg_proc') is distinct from 'opsloop compat ops';
  if v_foreign is not null then
    raise exception using errcode = 'OP013',
      message = format('OPS_013: schema %I holds functions of these names that are not the compatibility layer',
                       current_schema()),
      detail = v_foreign,
      hint = 'Nothing was changed. Rename or drop them.';
  end if;
end;
$$;

\ir ops/ops_cast_vote.sql
\ir ops/ops_claim_next_step.sql
\ir ops/ops_create_mission_from_proposal.sql
\ir ops/ops_create_proposal_and_maybe_autoapprove.sql
\ir ops/ops_extract_step_kinds.sql
\ir ops/ops_gate_proposal.sql
\ir ops/ops_is_auto_approvable.sql
\ir ops/ops_maybe_finalize_mission.sql
\ir ops/ops_recover_expired_leases.sql
\ir ops/ops_recover_stale_steps.sql

-- Nobody's but the roles' of the loop, whatever default privileges say. They work with the rights of the caller, and so
-- do no more for anybody than the functions of the loop would.
do $$
declare
  v_function record;
  v_grantees text;
  v_do text;
begin
  select string_agg(quote_ident(r.name), ', ') into v_grantees from fn_list_roles() r where r.remedy is null;
  for v_function in
    select p.oid::regprocedure as signature, coalesce(p.proacl, acldefault('f', p.proowner)) as acl, p.proowner
      from pg_proc p
     where p.oid = any (array[
       'ops_cast_vote(uuid, text, text, text)',
       'ops_claim_next_step(integer)',
       'ops_create_mission_from_proposal(uuid)',
       'ops_create_proposal_and_maybe_autoapprove(text, text, jsonb)',
       'ops_extract_step_kinds(jsonb)',
       'ops_gate_proposal(jsonb)',
       'ops_gate_proposal(uuid)',
       'ops_is_auto_approvable(jsonb)',
       'ops_maybe_finalize_mission(uuid)',
       'ops_recover_expired_leases()',
       'ops_recover_stale_steps(integer)']::regprocedure[])
  loop
    execute format('comment on function %s is %L', v_function.signature, 'opsloop compat ops');
    for v_do in
      select distinct format('revoke all on function %s from %s', v_function.signature,
                             case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
        from aclexplode(v_function.acl) a
       where a.grantee <> v_function.proowner
    loop
      execute v_do;
    end loop;
    if v_grantees is not null then
      execute format('grant execute on function %s to %s', v_function.signature, v_grantees);
    end if;
  end loop;
end;
$$;
