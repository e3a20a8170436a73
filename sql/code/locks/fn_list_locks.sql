create or replace function fn_list_locks(p_limit integer default 100)
returns table (
  lock_name text,
  holder_id text,
  holder_login text,
  token bigint,
  acquired_at timestamptz,
  expires_at timestamptz,
  is_held boolean
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The locks that somebody holds or held last, by name. is_held: false once its time is over; then anybody may take it.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit that cannot be.
begin
  perform _check_list(p_limit);
  return query
  select l.lock_name, l.holder_id, l.holder_login, l.token, l.acquired_at, l.expires_at, l.expires_at > _now()
    from distributed_locks l
   order by l.lock_name
   limit p_limit;
end;
$$;
comment on function fn_list_locks(integer) is
  'Lists up to p_limit (1 to 1000) locks by name: who holds each, since when and until when. OPS_018 for a limit that '
  'cannot be.';
