create or replace function _fail_reaction(p_reaction_id uuid, p_sqlstate text, p_message text)
returns void
language plpgsql
set search_path from current
as $$
-- Fails a reaction that cannot be processed, and writes its dead letter; sets it aside where that fails on data too.
-- Locks: the reaction. Writes: ops_agent_reactions, dead_letter_archive; ops_strays. Raises: errors not caused by the
-- data.
declare
  v_message text;
begin
  update ops_agent_reactions
     set status = 'failed', reason = format('%s (%s)', left(p_message, 8000), p_sqlstate),
         reason_code = _error_code(p_sqlstate), updated_at = _now()
   where id = p_reaction_id;
  perform _bury_reaction(p_reaction_id);
exception when others or assert_failure then
  if not _is_data_fault(sqlstate) then
    raise;
  end if;
  get stacked diagnostics v_message = message_text;
  perform _set_aside('ops_agent_reactions', p_reaction_id, p_reaction_id::text, sqlstate, v_message);
end;
$$;
