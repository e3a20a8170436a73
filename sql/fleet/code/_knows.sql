create or replace function _knows(p_node integer, p_what text, p_key text)
returns boolean
language plpgsql
set search_path from current
as $$
-- Whether a node has an event or a proposal under a dedupe key.
-- Locks: none. Writes: nothing. Raises: OP029 when it does not answer: then it is not known.
declare
  v_message text;
  v_detail text;
  v_hint text;
begin
  return _at_knows(p_node, p_what, p_key);
exception when others or assert_failure then
  get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  perform _node_fault(p_node, sqlstate, v_message, v_detail, v_hint);
end;
$$;
