create or replace function _known_directive(p_sd_id text)
returns strategic_directives
language plpgsql
stable
set search_path from current
as $$
-- The directive that p_sd_id names (_directive_id).
-- Locks: none. Writes: nothing. Raises: OP012 when there is none.
declare
  v_directive strategic_directives;
begin
  select d.* into v_directive from strategic_directives d where d.id = _directive_id(p_sd_id);
  if not found then
    raise exception using errcode = 'OP012', message = format('OPS_012: there is no directive %L', p_sd_id),
      detail = jsonb_build_object('sd_id', p_sd_id)::text, hint = 'Give an id or sd_key of strategic_directives.';
  end if;
  return v_directive;
end;
$$;
