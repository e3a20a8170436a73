create or replace function fn_sign_out(p_sign_in text)
returns boolean
language plpgsql
security definer
set search_path from current
as $$
-- Ends a sign-in, given by the digest of its secret; false when there is none.
-- Locks: its row. Writes: ops_sign_ins. Raises: nothing.
begin
  delete from ops_sign_ins s where s.hash = p_sign_in;
  return found;
end;
$$;
comment on function fn_sign_out(text) is 'Ends the sign-in of a browser, given by the sha256 of its secret.';
