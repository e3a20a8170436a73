-- Takes back 0002_policy, with all rows.
set local lock_timeout = '5s';

drop type ops_policy_documents;
drop table ops_shadow_decisions;
drop sequence ops_shadow_decisions_id_seq;
drop table ops_shadow_counts;
drop table ops_policy_shadows;
drop table ops_policy_votes;
drop view ops_policy_audit;
drop table ops_policy_history;
drop table ops_policy;
