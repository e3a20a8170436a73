create or replace function _check_api_key(p_digest text, p_expires_at timestamptz)
returns void
language plpgsql
stable
set search_path from current
as $$
-- What holds for every new key: its digest is a sha256 that no other key has, and it expires later than now.
-- Locks: none. Writes: nothing. Raises: OP018.
declare
  v_fault constant text := case
    when (p_digest ~ '^[0-9a-f]{64}$') is not true then 'p_digest is not the sha256 of a key in 64 hexadecimal digits'
    when exists (select from ops_api_keys k where k.hash = p_digest) then 'this key is there already'
    when p_expires_at <= _now() then 'p_expires_at is in the past'
  end;
begin
  if v_fault is not null then
    raise exception using errcode = 'OP018', message = 'OPS_018: ' || v_fault,
      detail = jsonb_build_object('expires_at', p_expires_at)::text,
      hint = '`opsloop key create` and `opsloop key rotate` make a random key and pass on its digest.';
  end if;
end;
$$;
