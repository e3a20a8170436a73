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
-- What waits for a person: proposals (kind proposal) and parked steps (kind step), the oldest first, and after them
-- proposals that wait for the window of a cap, which a person may reject, or let pass by a higher cap. would_run is
-- exactly what would run, rendered now; digest stands for it: with fn_as_shown a decision counts only for that. decide:
-- the statements that decide, by their effect. proposed_by: the source, proposed_login: its login, proposers: the
-- logins that may not decide. Where approval_rules ask for more than one decision, seats says which are open, rules
-- which ask, votes also those of persons, and expires_at until when. rationale and refs are those of the template, part
-- of the digest; caused_by: the event and mission that led to it, and how its steps ended. in_all: how many entries
-- there are, with proposals that were set to approved by hand; of each kind the first 100,000 are counted. Steps that a
-- pause parked wait for the end of the pause, not for a person. Fewer than p_limit where they are large: it ends with
-- the entry that makes 8 MiB or 20,000 steps full.
-- Locks: none. Writes: nothing. Raises: OP018 for a limit or filter that cannot be.
declare
  -- What is shown is rendered and digested: so much takes some two seconds.
  c_bytes constant integer := 8388608;
  c_steps constant integer := 20000;
  v_filter constant jsonb := _check_filter(p_filter, array['what', 'source', 'kind', 'risk', 'title', 'since',
                                                           'until']);
  -- Before the filter so many of each kind are read.
  v_most constant integer := case when v_filter = '{}' then p_limit else 100000 end;
  v_in_all bigint;
  v_proposals uuid[] := '{}'::uuid[];
  v_steps uuid[] := '{}'::uuid[];
  v_entry record;
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
    select w.kind, w.id
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
     where v_filter = '{}' or _inbox_fits(w.kind, w.id, w.since, v_filter)
     order by w.for_cap, w.since, w.id
     limit p_limit
  loop
    if v_entry.kind = 'proposal' then
      -- A template that was changed by hand may have no steps.
      select v_bytes + octet_length(p.template::text),
             v_in_steps + case jsonb_typeof(p.template -> 'steps')
                            when 'array' then jsonb_array_length(p.template -> 'steps') else 0 end
        into v_bytes, v_in_steps
        from ops_mission_proposals p where p.id = v_entry.id;
      v_proposals := v_proposals || v_entry.id;
    else
      -- What is filled in comes from results, of which a step has so many.
      select v_bytes + octet_length(s.params::text) + coalesce(octet_length(s.slots::text), 0) into v_bytes
        from ops_mission_steps s where s.id = v_entry.id;
      v_steps := v_steps || v_entry.id;
    end if;
    exit when v_bytes > c_bytes or v_in_steps > c_steps;
  end loop;
  return query
  select i.*, v_in_all from _inbox(v_proposals, v_steps) i order by i.since, i.id;
end;
$$;
comment on function fn_inbox(integer, jsonb) is
  'What waits for a person, the oldest p_limit (1 to 1000, default 50): proposals and parked steps, each with '
  'exactly what would run (would_run, and its digest), why it waits, who proposed it and so may not decide '
  '(proposers), votes, the seats that are open by approval_rules, the statements that decide, and how many there are '
  'in all. Fewer where they are large: it stops at 8 MiB or 20,000 steps. p_filter: {"what": "proposal|step", '
  '"source", "kind" (of all its steps), "risk", "title", "since", "until"}; * in a text stands for any characters. '
  'OPS_018 for a limit or filter that cannot be.';
