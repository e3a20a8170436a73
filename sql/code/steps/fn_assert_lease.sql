create or replace function fn_assert_lease(p_step_id uuid, p_lease_token uuid)
returns void
language plpgsql
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Proves in the caller's own transaction that the lease still holds, and keeps it until that transaction ends: put
-- first, it makes a worker without a lease unable to commit. Extension is not hindered. Recovery skips the step
-- meanwhile; the kill switch waits two seconds for it and then names the transaction as one that could still commit.
-- Locks: the barrier of reports; the step, FOR KEY SHARE. Writes: nothing. Raises: OP006 when the lease is lost.
declare
  v_epoch integer;
begin
  perform _pass_barrier('reports');
  select c.epoch into v_epoch from ops_control c;
  perform from ops_mission_steps s
   where s.id = p_step_id and s.lease_token = p_lease_token and s.status = 'running'
     and s.lease_epoch = v_epoch
     for key share;
  if not found then
    raise exception using errcode = 'OP006', message = format('OPS_006: the lease on step %s is lost', p_step_id),
      detail = jsonb_build_object('step_id', p_step_id)::text,
      hint = 'Roll back: another worker may be working on this step by now.';
  end if;
end;
$$;
comment on function fn_assert_lease(uuid, uuid) is
  'Raises OPS_006 unless the lease still holds, and keeps it until the caller''s transaction ends, so that a worker '
  'which lost its lease cannot commit.';
