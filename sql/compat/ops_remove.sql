-- Takes the layer ops back; to be run as ops.sql is. The loop and its rows stay as they are. What somebody else built
-- on it is not touched: then nothing is removed.
\ir ../loader/begin.sql
set local lock_timeout = '5s';
do $$
begin
  if obj_description(to_regprocedure('ops_claim_next_step(integer)')::oid, 'pg_proc')
     is distinct from 'opsloop compat ops' then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: schema %I has no compatibility layer ops', current_schema()),
      hint = 'opsloop compat list shows what is installed.';
  end if;
end;
$$;
drop function if exists
  ops_cast_vote(uuid, text, text, text),
  ops_claim_next_step(integer),
  ops_create_mission_from_proposal(uuid),
  ops_create_proposal_and_maybe_autoapprove(text, text, jsonb),
  ops_extract_step_kinds(jsonb),
  ops_gate_proposal(jsonb),
  ops_gate_proposal(uuid),
  ops_is_auto_approvable(jsonb),
  ops_maybe_finalize_mission(uuid),
  ops_recover_expired_leases(),
  ops_recover_stale_steps(integer);
