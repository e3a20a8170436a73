create or replace function _assign_seats(p_required jsonb, p_escalated jsonb, p_votes jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- Seats the logins that voted: [{"seat", "rule", "groups", "login"}] with login null for a seat that is open. One login
-- fills one seat at most, and as many seats are filled as any assignment could fill (augmenting paths; to give each
-- login the first free seat would not do where it is in several groups). p_required: as _required_by returns it;
-- p_escalated: [{"rule", "group"}], groups whose members may fill the seats of that rule, too. p_votes: [{"login",
-- "groups"}].
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_rules text[];
  v_groups jsonb[];
  v_logins text[];
  v_of jsonb[];
  -- By seat: the vote that holds it, and the vote that came to it on the path; by vote: its seat.
  v_holder integer[];
  v_from integer[];
  v_seat_of integer[];
  v_queue integer[];
  v_vote integer;
  v_seat integer;
  v_next integer;
begin
  select array_agg(s.rule order by s.no, s.nth), array_agg(s.groups order by s.no, s.nth)
    into v_rules, v_groups
    from (select q.value ->> 'rule' as rule, q.no, n.nth,
                 jsonb_build_array(q.value ->> 'group') || coalesce(
                   (select jsonb_agg(distinct e -> 'group') from jsonb_array_elements(p_escalated) e
                     where e ->> 'rule' = q.value ->> 'rule' and e ->> 'group' <> q.value ->> 'group'), '[]') as groups
            from jsonb_array_elements(p_required -> 'seats') with ordinality q (value, no)
           cross join lateral generate_series(1, (q.value ->> 'count')::integer) n (nth)) s;
  select array_agg(v ->> 'login' order by v ->> 'login'), array_agg(v -> 'groups' order by v ->> 'login')
    into v_logins, v_of
    from jsonb_array_elements(p_votes) v;
  v_holder := array_fill(null::integer, array[cardinality(v_rules)]);
  v_seat_of := array_fill(null::integer, array[coalesce(cardinality(v_logins), 0)]);

  for v_first in 1 .. coalesce(cardinality(v_logins), 0) loop
    v_from := array_fill(null::integer, array[cardinality(v_rules)]);
    v_queue := array[v_first];
    <<search>>
    while cardinality(v_queue) > 0 loop
      v_vote := v_queue[1];
      v_queue := v_queue[2:];
      for v_no in 1 .. cardinality(v_rules) loop
        continue when v_from[v_no] is not null
                   or not (v_groups[v_no] ? '*'
                           or exists (select from jsonb_array_elements_text(v_of[v_vote]) g where v_groups[v_no] ? g));
        v_from[v_no] := v_vote;
        if v_holder[v_no] is null then
          -- Everybody on the path moves to the next seat.
          v_seat := v_no;
          while v_seat is not null loop
            v_next := v_seat_of[v_from[v_seat]];
            v_holder[v_seat] := v_from[v_seat];
            v_seat_of[v_from[v_seat]] := v_seat;
            v_seat := v_next;
          end loop;
          exit search;
        end if;
        v_queue := v_queue || v_holder[v_no];
      end loop;
    end loop;
  end loop;
  return (select jsonb_agg(jsonb_build_object('seat', s.no, 'rule', s.rule, 'groups', s.groups,
                                              'login', v_logins[s.holder]) order by s.no)
            from unnest(v_rules, v_groups, v_holder) with ordinality s (rule, groups, holder, no));
end;
$$;
