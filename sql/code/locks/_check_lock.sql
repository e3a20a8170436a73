create or replace function _check_lock(p_lock_name text, p_holder_id text, p_ttl_seconds integer)
returns void
language plpgsql
immutable
set search_path from current
as $$
-- Raises for an impossible name of a lock or holder, for a lock of the loop itself, and for a time to live out of
-- bounds.
-- Locks: none. Writes: nothing. Raises: OP018.
declare
  v_fault text := case
    when coalesce(length(p_lock_name), 0) not between 1 and 500 then 'p_lock_name must have 1 to 500 characters'
    when coalesce(length(p_holder_id), 0) not between 1 and 500 then 'p_holder_id must have 1 to 500 characters'
    when coalesce(p_ttl_seconds, 0) not between 1 and 604800 then 'p_ttl_seconds must be from 1 to 604800'
  end;
begin
  if v_fault is not null then
    raise exception using errcode = 'OP018', message = 'OPS_018: ' || v_fault,
      detail = jsonb_build_object('p_lock_name', left(p_lock_name, 500), 'p_holder_id', left(p_holder_id, 500),
                                  'p_ttl_seconds', p_ttl_seconds)::text,
      hint = 'Name the lock after what it protects, and the holder by an id that no other process has; a week is the '
             'longest time.';
  end if;
  perform _assert_not_reserved('lock', 'p_lock_name', p_lock_name);
end;
$$;
