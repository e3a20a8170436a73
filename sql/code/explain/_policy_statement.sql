create or replace function _policy_statement(p_key text, p_changes text[])
returns text
language plpgsql
stable
set search_path from current
as $$
-- The statement that changes top-level fields of a policy document. p_changes: pairs of 'name' and expression as SQL,
-- where y.value is the document in force. The statement is relative to that document and is refused if the document
-- changes meanwhile; so several such statements may run one after the other.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_new text := 'y.value || jsonb_build_object(' || array_to_string(p_changes, ', ') || ')';
  v_schema text := quote_ident(current_schema());
begin
  if not exists (select from ops_policy y where y.key = p_key) then
    return format('select %s.fn_set_policy(%L, %s, p_expected_version => 0) from (select jsonb ''{}'' as value) y;',
                  v_schema, p_key, v_new);
  end if;
  return format('select %1$s.fn_set_policy(y.key, %2$s, p_expected_version => y.version) from %1$s.ops_policy y where '
                'y.key = %3$L;',
                v_schema, v_new, p_key);
end;
$$;
