create or replace function _assert_readable(p_name text, p_document jsonb)
returns void
language plpgsql
immutable
set search_path from current
as $$
-- Refuses a document with a number that its readers could not hold.
-- Locks: none. Writes: nothing. Raises: OP041.
declare
  v_fault constant text := _number_fault(p_name, p_document);
begin
  if v_fault is not null then
    raise exception using errcode = 'OP041', message = 'OPS_041: ' || v_fault,
      detail = jsonb_build_object('argument', p_name)::text,
      hint = 'Nothing was stored. Give such a number as a text, or store it elsewhere.';
  end if;
end;
$$;
