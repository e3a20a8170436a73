create or replace function _assert_own_worker(p_worker_id text)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Raises when a worker of that id is registered by another login. An id nobody has registered is anybody's.
-- Locks: none. Writes: nothing. Raises: OP015.
declare
  v_login text := (select w.login from ops_workers w where w.worker_id = p_worker_id);
begin
  if v_login <> session_user then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: worker %s is one of login %s, not of %s', quote_literal(p_worker_id), v_login,
                       session_user),
      detail = jsonb_build_object('worker_id', p_worker_id, 'login', session_user, 'registered_by', v_login)::text,
      hint = 'Give each process an id that no other ever had, such as host:pid:random, and register it.';
  end if;
end;
$$;
