create or replace function _assert_agreed(
  p_key text,
  p_version integer,
  p_before jsonb,
  p_after jsonb,
  p_actor text
)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Refuses a change of policy that lets more run before those have agreed whom approval_rules.policy asks for. What lets
-- no more run is never kept waiting, nor is a document of the team's own, of which nobody can say.
-- Locks: none. Writes: nothing. Raises: OP015 may not decide, OP088 unknown person, OP109 seats are open.
declare
  v_schema constant jsonb := _policy_schema(p_key);
  v_loosened text[];
  v_state jsonb;
begin
  if v_schema is null or coalesce(_policy('approval_rules') -> 'policy', '[]') in ('[]', 'null') then
    return;
  end if;
  v_loosened := _loosened('', p_before, p_after, v_schema, v_schema -> '$defs');
  if v_loosened = '{}' then
    return;
  end if;
  v_state := _policy_seats(p_key, p_version, p_after, _person(p_actor));
  if (v_state ->> 'open')::integer > 0 then
    raise exception using errcode = 'OP109',
      message = format('OPS_109: the change of %s lets more run, and %s', p_key, _seats_text(v_state, '{}')),
      detail = jsonb_build_object('key', p_key, 'version', p_version, 'loosens', _told_faults(v_loosened),
                                  'digest', _digest(p_after), 'seats', v_state -> 'in_force')::text,
      hint = 'Let them agree to the very same document: fn_agree_policy, or opsloop policy agree. Nothing was changed.';
  end if;
end;
$$;
