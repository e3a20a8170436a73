create or replace function _fill_event(p_template jsonb, p_slots jsonb, p_event jsonb)
returns table (template jsonb, slots jsonb, fault text, fault_code text)
language plpgsql
immutable
set search_path from current
as $$
-- A template with the values of its event filled in, and the slots that results of steps will fill later. Values of the
-- event are never scanned for placeholders. fault names the first path that cannot be filled.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if p_slots = '[]' then
    template := p_template;
    slots := p_slots;
    return next;
    return;
  end if;
  return query select f.document, f.slots, f.fault, f.fault_code from _fill_slots(p_template, p_slots, p_event, null) f;
end;
$$;
