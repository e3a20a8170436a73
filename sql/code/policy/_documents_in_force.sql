create or replace function _documents_in_force()
returns ops_policy_documents
language plpgsql
stable
set search_path from current
as $$
-- The documents that judge proposals, with their versions, read in one snapshot; {} for a document that does not exist.
-- generation: that of _policy_generation(), but of exactly these documents.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_documents ops_policy_documents;
begin
  select coalesce(a.value, '{}'), coalesce(w.value, '{}'), coalesce(c.value, '{}'), coalesce(r.value, '{}'),
         jsonb_strip_nulls(jsonb_build_object('auto_approve', a.version, 'proposal_caps', c.version,
                                              'worker_policy', w.version)),
         coalesce(a.version, 0) + coalesce(w.version, 0)
    into v_documents
    from (values (1)) one
    left join ops_policy a on a.key = 'auto_approve'
    left join ops_policy w on w.key = 'worker_policy'
    left join ops_policy c on c.key = 'proposal_caps'
    left join ops_policy r on r.key = 'agent_roles';
  return v_documents;
end;
$$;
