create or replace function _assert_not_purged(p_id uuid)
returns void
language plpgsql
stable
set search_path from current
as $$
-- For a routine that has found nothing of this id: raises where it was purged. A derived event has the id of its step
-- or mission with another variant (_event).
-- Locks: none. Writes: nothing. Raises: OP083.
declare
  v_gone record := _purged(p_id);
begin
  if v_gone.at is null then
    v_gone := _purged(overlay(p_id::text placing translate(substr(p_id::text, 20, 1), 'cdef', '89ab') from 20)::uuid);
  end if;
  if v_gone.at is not null then
    raise exception using errcode = 'OP083',
      message = format('OPS_083: %s %s was purged on %s', v_gone.what, p_id, (v_gone.at at time zone 'UTC')::date),
      detail = jsonb_build_object('id', p_id, 'what', v_gone.what, 'purged_at', v_gone.at, 'how', v_gone.how,
                                  'batch', v_gone.batch)::text,
      hint = case v_gone.how
               when 'archive' then format('Its rows are in the archives, such as %I.ops_missions_archive.',
                                          current_schema())
               when 'export' then format('Its rows are in the file %s of that export.', v_gone.batch)
               else 'Its rows are gone; ops_purged has what was purged when.' end;
  end if;
end;
$$;
