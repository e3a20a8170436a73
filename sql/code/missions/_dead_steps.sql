create or replace function _dead_steps()
returns uuid[]
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The steps whose dead letters wait to be put back, however old: all that failed for good, but for those whose letters
-- were purged, and some that were retried since.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array(
    select distinct case when a.original_msg_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                         then a.original_msg_id::uuid end
      from dead_letter_archive a
     where a.redriven_at is null and a.what = 'step');
end;
$$;
