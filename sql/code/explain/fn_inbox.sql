create or replace function fn_inbox(p_limit integer default 50, p_filter jsonb default '{}')
returns table (
  kind text,
  id uuid,
  mission_id uuid,
  title text,
  status text,
  risk_level text,
  would_run jsonb,
  waits_because text,
  since timestamptz,
  proposed_by text,
  proposed_login text,
  proposers text[],
  votes jsonb,
  decide jsonb,
  digest text,
  seats text,
  rules jsonb,
  expires_at timestamptz,
  rationale text,
  refs jsonb,
  caused_by jsonb,
  in_all bigint
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- All that waits for a person: proposals (kind proposal) and parked steps (kind step), the oldest first, and after them
-- proposals that wait for the window of a cap, which a person may reject, or let pass by a higher cap. would_run is
-- exactly what would run, rendered now; digest stands for it: with fn_as_shown a decision counts only for that. decide:
-- the statements that decide, by their effect. proposed_by: the source, proposed_login: its login, proposers: the
-- logins that may not decide. Where approval_rules ask for more than one decision, seats says which are open, rules
-- which ask, votes also those of persons, and expires_at until when. rationale and refs are those of the template, part
-- of the digest; caused_by: the event and mission that led to it, and how its steps ended. in_all: how many entries
-- there are, with proposals that were set to approved by hand; of each kind the first 100,000 are counted. Steps that a
-- pause parked wait for the end of the pause, not for a person. Fewer than p_limit where they are large: it ends with
-- the entry that makes 4 MiB or 10,000 steps full, and looks no longer than two seconds for what fits the filter.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit or filter that cannot be.
declare
  -- Each entry is rendered and digested: it can be twice that size, which takes a second.
  c_bytes constant integer := 4194304;
  c_steps constant integer := 10000;
  c_longest constant interval := interval '2 seconds';
  v_began constant timestamptz := clock_timestamp();
  v_filter constant jsonb := _check_filter(p_filter, array['what', 'source', 'kind', 'risk', 'title', 'since',
                                                           'until']);
  -- Before the filter so many of each kind are read.
  v_most constant integer := case when v_filter = '{}' then p_limit else 100000 end;
  v_in_all bigint;
  v_proposals uuid[] := '{}'::uuid[];
  v_steps uuid[] := '{}'::uuid[];
  v_entry record;
  v_size bigint;
  v_causes uuid[];
  v_bytes bigint := 0;
  v_in_steps bigint := 0;
begin
  perform _check_list(p_limit);
  v_in_all := (select count(*) from (select from ops_mission_proposals p
                                     where p.status in ('pending', 'voting') limit 100000) n)
            + (select count(*) from (select from ops_mission_proposals p
                                     where p.status in ('approved', 'auto_approved') and p.approved_digest is null
                                     limit 100000) n)
            + (select count(*) from (select from ops_parked_steps w where w.waits_for = 'person' limit 100000) n);
  for v_entry in
    select w.kind, w.id, w.since
      from ((select 'proposal' as kind, p.id, p.created_at as since, false as for_cap
               from ops_mission_proposals p
              where p.status in ('pending', 'voting') and p.gate_after is null
              order by p.created_at
              limit v_most)
            union all
            (select 'proposal', p.id, p.created_at, true
               from ops_mission_proposals p
              where p.status in ('pending', 'voting') and p.counted_at is null and p.gate_after is not null
              order by p.created_at
              limit v_most)
            union all
            (select 'proposal', p.id, p.created_at, false
               from ops_mission_proposals p
              where p.status in ('approved', 'auto_approved') and p.approved_digest is null
              order by p.created_at
              limit v_most)
            union all
            (select 'step', q.step_id, q.since, false
               from ops_parked_steps q
               join ops_mission_steps s on s.id = q.step_id and s.status = 'waiting'
              where q.waits_for = 'person'
              order by q.since, q.step_id
              limit v_most)) w
     order by w.for_cap, w.since, w.id
  loop
    exit when cardinality(v_proposals) + cardinality(v_steps) = p_limit or clock_timestamp() - v_began > c_longest;
    continue when v_filter <> '{}' and not _inbox_fits(v_entry.kind, v_entry.id, v_entry.since, v_filter);
    if v_entry.kind = 'proposal' then
      -- A template that was changed by hand may have no steps.
      select octet_length(p.template::text),
             array[(select e.mission_id from ops_agent_events e where e.id = p.event_id)],
             v_in_steps + case jsonb_typeof(p.template -> 'steps')
                            when 'array' then jsonb_array_length(p.template -> 'steps') else 0 end
        into v_size, v_causes, v_in_steps
        from ops_mission_proposals p where p.id = v_entry.id;
      v_proposals := v_proposals || v_entry.id;
    else
      -- A placeholder is as large as the result that fills it.
      select octet_length(s.params::text) + coalesce(octet_length(s.slots::text), 0) + coalesce(f.bytes, 0),
             array[s.mission_id, (select e.mission_id
                                    from ops_missions m
                                    join ops_mission_proposals p on p.id = m.proposal_id
                                    join ops_agent_events e on e.id = p.event_id
                                   where m.id = s.mission_id)]
        into v_size, v_causes
        from ops_mission_steps s
       cross join lateral (
         select sum(r.refs * octet_length(t.result::text)) as bytes
           from (select split_part(n, '.', 2) as key, count(*) as refs
                   from jsonb_array_elements_text(jsonb_path_query_array(s.slots, '$[*].segments[*].ref')) n
                  group by 1) r
           join ops_mission_steps t on t.mission_id = s.mission_id and t.key = r.key) f
       where s.id = v_entry.id;
      v_steps := v_steps || v_entry.id;
    end if;
    v_bytes := v_bytes + v_size + (
      select coalesce(sum(octet_length(r.result::text)), 0)
        from unnest(v_causes) c (mission_id)
       cross join lateral (select t.result from ops_mission_steps t where t.mission_id = c.mission_id
                            order by t.position limit 20) r);
    exit when v_bytes > c_bytes or v_in_steps > c_steps;
  end loop;
  return query
  select i.*, v_in_all from _inbox(v_proposals, v_steps) i order by i.since, i.id;
end;
$$;
comment on function fn_inbox(integer, jsonb) is
  'All that waits for a person, the oldest p_limit (1 to 1000, default 50): proposals and parked steps, each with '
  'exactly what would run (would_run, and its digest), why it waits, who proposed it and so may not decide '
  '(proposers), votes, the seats that are open by approval_rules, the statements that decide, and how many there are '
  'in all. Fewer where they are large: it stops at 4 MiB or 10,000 steps, and looks for two seconds at most. p_filter: '
  '{"what": "proposal|step", "source", "kind" (of all its steps), "risk", "title", "since", "until"}; * in a text '
  'stands for any characters. OPS_018 for a limit or filter that cannot be.';
