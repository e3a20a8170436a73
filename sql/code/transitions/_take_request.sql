create or replace function _take_request(p_request_id text)
returns boolean
language plpgsql
set search_path from current
set lock_timeout = '50ms'
as $$
-- Takes a request id for this transaction. When another transaction has it, waits 50 ms at most for its end and then
-- tries once more: false when it is still at work, or others take it now. All that wait wake at once, so they wait for
-- a shared lock, and do not keep each other waiting.
-- Locks: an advisory one (sd_transition_audit, hash of the request id). Two ids with the same hash only bring a busy
-- too many. Writes: nothing. Raises: nothing.
declare
  v_class constant integer := 'sd_transition_audit'::regclass::oid::integer;
  v_key constant integer := hashtext(p_request_id);
begin
  if pg_try_advisory_xact_lock(v_class, v_key) then
    return true;
  end if;
  begin
    perform pg_advisory_xact_lock_shared(v_class, v_key);
  exception when lock_not_available then
    return false;
  end;
  return pg_try_advisory_xact_lock(v_class, v_key);
end;
$$;
