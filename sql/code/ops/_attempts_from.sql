create or replace function _attempts_from(p_since timestamptz, p_most integer)
returns timestamptz
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- From when on the attempts that ended are p_most at most: p_since or, where more have ended since, the moment from
-- which on the newest p_most, or nearly as many, did. The index of attempts finds a time, but gives no order. So times
-- are counted from now back, each twice as long as the one before, then halved where one has too many, until nine
-- tenths of p_most are reached, or a second more would be too much. Each count ends with one row more than p_most.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_from timestamptz := v_now;
  v_too_early timestamptz := p_since;
  v_try timestamptz := p_since;
  v_back interval := interval '1 minute';
  v_found bigint;
begin
  loop
    select count(*) into v_found
      from (select from ops_action_runs r where r.completed_at >= v_try limit p_most + 1) n;
    if v_found > p_most then
      v_too_early := v_try;
    else
      v_from := v_try;
      v_back := v_back * 2;
      exit when v_try = p_since or v_found * 10 >= p_most::bigint * 9;
    end if;
    exit when v_from - v_too_early <= interval '1 second';
    v_try := greatest(v_now - v_back, v_too_early + (v_from - v_too_early) / 2);
  end loop;
  return v_from;
end;
$$;
