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
  v_found record;
  v_auto_approve integer;
  v_caps integer;
  v_worker_policy integer;
begin
  v_documents.auto_approve := '{}';
  v_documents.worker_policy := '{}';
  v_documents.proposal_caps := '{}';
  v_documents.agent_roles := '{}';
  -- Each proposal asks this: four joins cost three times as much.
  for v_found in
    select p.key, p.value, p.version from ops_policy p
     where p.key in ('auto_approve', 'worker_policy', 'proposal_caps', 'agent_roles')
  loop
    case v_found.key
      when 'auto_approve' then
        v_documents.auto_approve := v_found.value;
        v_auto_approve := v_found.version;
      when 'worker_policy' then
        v_documents.worker_policy := v_found.value;
        v_worker_policy := v_found.version;
      when 'proposal_caps' then
        v_documents.proposal_caps := v_found.value;
        v_caps := v_found.version;
      else
        v_documents.agent_roles := v_found.value;
    end case;
  end loop;
  v_documents.versions := jsonb_strip_nulls(jsonb_build_object(
    'auto_approve', v_auto_approve, 'proposal_caps', v_caps, 'worker_policy', v_worker_policy));
  v_documents.generation := coalesce(v_auto_approve, 0) + coalesce(v_worker_policy, 0);
  return v_documents;
end;
$$;
