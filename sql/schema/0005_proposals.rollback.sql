-- Takes back 0005_proposals, with all rows.
set local lock_timeout = '5s';

drop table ops_cap_counters;
drop table ops_grant_uses;
drop table ops_grants;
drop table ops_break_glass_reviews;
drop table ops_break_glass;
drop table ops_approval_seats;
drop table ops_approvals;
drop table ops_proposal_votes;
drop table ops_mission_proposals;
drop type ops_template_step;
