create or replace function _node_fault(p_node integer, p_sqlstate text, p_message text, p_detail text, p_hint text)
returns void
language plpgsql
set search_path from current
as $$
-- Raises what a node raised as the node said it: PL/Proxy puts words before message, detail and hint.
-- Locks: none. Writes: nothing. Raises: OP029 when it does not answer; else whatever it raised.
begin
  if _is_away(p_sqlstate, p_message) then
    raise exception using errcode = 'OP029', message = format('OPS_029: node %s does not answer', p_node),
      detail = jsonb_build_object('node', p_node, 'said', p_message)::text,
      hint = 'Whether the call was done is not known: make it again, with the same dedupe_key. opsloop fleet status '
             'shows the nodes.';
  end if;
  raise exception using errcode = p_sqlstate,
    message = regexp_replace(p_message, E'^\\S+\\(\\d+\\): \\[.*?\\] REMOTE \\w+: ', ''),
    detail = regexp_replace(coalesce(p_detail, ''), '^Remote detail: ', ''),
    hint = regexp_replace(coalesce(p_hint, ''), '^Remote hint: ', '');
end;
$$;
