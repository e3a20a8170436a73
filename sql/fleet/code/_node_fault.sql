create or replace function _node_fault(p_node integer, p_sqlstate text, p_message text, p_detail text, p_hint text)
returns void
language plpgsql
set search_path from current
as $$
-- Raises what a node raised as the node said it: PL/Proxy puts words before message, detail and hint.
-- Locks: none. Writes: nothing. Raises: OP029 when it does not answer; else whatever it raised.
declare
  v_message constant text := _node_said(p_message);
  v_detail constant text := regexp_replace(coalesce(p_detail, ''), '^Remote detail: ', '');
  v_hint constant text := regexp_replace(coalesce(p_hint, ''), '^Remote hint: ', '');
begin
  if _is_away(p_sqlstate, p_message) and p_sqlstate <> 'OP029' then
    raise exception using errcode = 'OP029', message = format('OPS_029: node %s does not answer', p_node),
      detail = jsonb_build_object('node', p_node, 'said', p_message)::text,
      hint = case when _was_not_sent(p_message)
        then 'Nothing was done there: the front could not log in. opsloop fleet status shows the nodes; opsloop fleet '
             'login gives the front the password of a login.'
        else 'Whether the call was done is not known: make it again, with the same dedupe_key. opsloop fleet status '
             'shows the nodes.' end;
  end if;
  -- An option that is null is refused, and one that is empty is not the same as none.
  if v_detail = '' and v_hint = '' then
    raise using errcode = p_sqlstate, message = v_message;
  elsif v_detail = '' then
    raise using errcode = p_sqlstate, message = v_message, hint = v_hint;
  elsif v_hint = '' then
    raise using errcode = p_sqlstate, message = v_message, detail = v_detail;
  end if;
  raise using errcode = p_sqlstate, message = v_message, detail = v_detail, hint = v_hint;
end;
$$;
