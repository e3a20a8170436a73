create or replace function _fill_reaction(p_pattern jsonb, p_event jsonb)
returns table (payload jsonb, fault text)
language plpgsql
immutable
set search_path from current
as $$
-- What a reaction is to propose: the pattern's template and dedupe key with the event's values filled in, and the
-- slots that results of steps will fill later. fault names the first path that cannot be filled.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_written jsonb := jsonb_build_object('template', p_pattern -> 'template', 'dedupe_key', p_pattern -> 'dedupe_key');
  v_filled record;
begin
  select f.template, f.slots, f.fault into v_filled
    from _fill_event(v_written, _template_slots(v_written), p_event) f;
  payload := jsonb_build_object(
    'template', v_filled.template -> 'template',
    'dedupe_key', v_filled.template ->> 'dedupe_key',
    'slots', (select coalesce(jsonb_agg(jsonb_set(s, '{path}', (s -> 'path') - 0)), '[]')
                from jsonb_array_elements(coalesce(v_filled.slots, '[]')) s),
    'depth', p_event -> 'depth');
  fault := v_filled.fault;
  return next;
end;
$$;
