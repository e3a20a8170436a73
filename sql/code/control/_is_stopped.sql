create or replace function _is_stopped()
returns boolean
language sql
stable
set search_path from current
as $$
-- Whether nothing is handed out: everything is paused, the loop is moving, or this is a node of a fleet whose server
-- has started since the front last told it what is paused (fn_tell_node). fn_claim_steps has the same condition.
-- Locks: none. Writes: nothing. Raises: nothing.
  select exists (select from ops_pauses p where p.scope in ('all', 'move'))
         or exists (select from ops_control c
                     where c.node > 0 and c.told_server_start is distinct from pg_postmaster_start_time())
$$;
