create or replace function _grant_faults(p_match jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of what a grant shall cover: exactly one of digest (a template), command (an argv) and kinds, and sources
-- and max_risk to cover less. No globs but in sources: a grant is for what somebody has seen.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if jsonb_typeof(p_match) is distinct from 'object' then
    return array['p_match: must be an object'];
  end if;
  return _unknown_field_faults('p_match', p_match, array['digest', 'command', 'kinds', 'sources', 'max_risk'])
    || _field_fault('p_match.digest', p_match -> 'digest', 'text', 64, 64)
    || _field_fault('p_match.command', p_match -> 'command', 'texts')
    || _field_fault('p_match.kinds', p_match -> 'kinds', 'texts')
    || case when p_match -> 'kinds' @? '$[*] ? (@ like_regex "[*]")'
            then array['p_match.kinds: must be kinds as they are written in steps: no * stands for others'] end
    || _field_fault('p_match.sources', p_match -> 'sources', 'texts')
    || _field_fault('p_match.max_risk', p_match -> 'max_risk', 'low|medium|high')
    || case when (select count(*) from unnest(array['digest', 'command', 'kinds']) k
                   where coalesce(p_match -> k, 'null') not in ('null', '[]')) <> 1
            then array['p_match: must have exactly one of digest, command and kinds'] end;
end;
$$;
