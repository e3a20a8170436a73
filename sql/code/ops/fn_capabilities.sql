create or replace function fn_capabilities()
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- The capabilities of this installation, and their missing parts: routines that were loaded and are gone, tables of
-- tracked work that were dropped. A routine whose name begins with _ may be needed by any capability. Nothing stands in
-- for what is missing.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_routines text[];
begin
  v_routines := array(
    select format('%s(%s)', r.name, r.arg_types)
      from opsloop_routine r
     where not exists (select from pg_proc p
                        where p.pronamespace = quote_ident(current_schema())::regnamespace and p.proname = r.name
                          and oidvectortypes(p.proargtypes) = r.arg_types)
     order by 1);
  return (
    select jsonb_build_object(
             'complete', v_routines = '{}' and bool_and(m.tables = '{}'),
             'available', jsonb_object_agg(n.name, m.routines = '{}' and m.tables = '{}'),
             'missing', to_jsonb(v_routines || array(
               select t
                 from unnest(array['strategic_directives', 'product_requirements', 'user_stories', 'sd_session_claims',
                                   'sd_transition_audit', 'sd_phase_handoffs', 'leo_sub_agents', 'sub_agent_runs',
                                   'sub_agent_execution_results']) t
                where to_regclass(format('%I.%I', current_schema(), t)) is null)),
             'hint', case when v_routines <> '{}' or not bool_and(m.tables = '{}') then
               'A routine comes back by opsloop migrate; a table that was dropped comes from a backup, or all of its '
               'schema script by opsloop rollback and opsloop migrate.' end)
      from (values ('atomic_transitions', '^(_|fn_atomic_|fn_(claim|release)_directive)',
                    array['strategic_directives', 'product_requirements', 'user_stories', 'sd_session_claims',
                          'sd_transition_audit']),
                   ('handoffs', E'^(_|fn_(atomic_transition|execute_handoff|evaluate_gates|.*_gate)\\y)',
                    array['strategic_directives', 'product_requirements', 'user_stories', 'sd_session_claims',
                          'sd_transition_audit', 'sd_phase_handoffs']),
                   ('sub_agents', E'^(_|fn_.*sub_agent|fn_(create_proposal|idempotency_key)\\y)',
                    array['strategic_directives', 'leo_sub_agents', 'sub_agent_runs', 'sub_agent_execution_results'])
           ) n (name, routines, tables)
     cross join lateral (
       select array(select r from unnest(v_routines) r where r ~ n.routines) as routines,
              array(select t from unnest(n.tables) t
                     where to_regclass(format('%I.%I', current_schema(), t)) is null) as tables) m);
end;
$$;
comment on function fn_capabilities() is
  'The capabilities of this installation: {"complete", "available": {"atomic_transitions", "handoffs", "sub_agents"}, '
  '"missing": routines and tables that are gone, "hint"}. Nothing stands in for what is missing.';
