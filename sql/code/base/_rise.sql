create or replace function _rise(p_name text, p_per text)
returns numeric
language plpgsql
stable
set search_path from current
as $$
-- How often p_name was counted in the last hour or day, or a minute on average of the last ten to twenty, to compare
-- with a threshold per p_per: hour, day or minute.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  c_part constant interval := interval '10 minutes';
begin
  if p_per = 'minute' then
    return 60 * _counted(p_name, c_part)
           / extract(epoch from v_now - date_bin(c_part, v_now - c_part, timestamptz 'epoch'));
  end if;
  return _counted(p_name, ('1 ' || p_per)::interval);
end;
$$;
