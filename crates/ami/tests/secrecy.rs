//! Who may not read or write something: marks before their time, a rival's sheet, another dossier than the permit's, on each
//! database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ami_database::{DatabaseError, dossiers};
use ami_domain::dossier::DossierStateName;
use ami_domain::ids::{AccountId, DossierId};
use ami_domain::policy::{Actor, DossierFacts, Subject, acts, permit};
use common::{World, databases};

/// An applicant's permit to write one draft, as the policy gives it.
async fn allowed(world: &World, account: AccountId, id: DossierId) -> ami_domain::policy::Permit<acts::EditDossier> {
    let conn = world.app.database.read();
    let dossier = dossiers::find(conn, id).await.unwrap().unwrap();
    let call = ami_database::calls::find(conn, dossier.call).await.unwrap().unwrap();
    let (_, actor): (_, Actor) = ami_database::accounts::actor(conn, account).await.unwrap().unwrap();
    let facts = DossierFacts { id, organisation: dossier.organisation, state: DossierStateName::Draft };
    permit(Some(&actor), &Subject::dossier(call.facts(world.clock.now()), facts)).unwrap()
}

#[rocket::async_test]
async fn a_permit_for_one_dossier_does_not_write_another() {
    for database in databases() {
        let world = World::new(database).await;
        world.set_clock("2027-02-01T09:00:00Z");
        world.published().await;
        let (person, organisation, data) = world.applicant(1).await;
        let mine = world.complete_draft(&person, &organisation, &data, "ALI-01").await.parse().unwrap();
        let (rival, theirs, data) = world.applicant(2).await;
        let other = world.complete_draft(&rival, &theirs, &data, "ALI-01").await.parse().unwrap();
        let permit = allowed(&world, person.account, mine).await;

        let piece = dossiers::pieces(world.app.database.read(), other).await.unwrap().remove(0);
        let (at, id) = (world.clock.now(), world.app.now().id());
        let refused: Result<(), DatabaseError> = world
            .app
            .database
            .write((permit, piece.clone(), id), |tx, (permit, piece, id)| {
                let again = dossiers::Piece { id: *id, ..piece.clone() };
                Box::pin(async move { dossiers::insert_piece(tx, permit, &again).await })
            })
            .await;
        assert!(matches!(refused, Err(DatabaseError::NotPermitted { table: "pieces" })), "{refused:?}");
        let permit = allowed(&world, person.account, mine).await;
        let refused: Result<(), DatabaseError> = world
            .app
            .database
            .write((permit, piece.id, at), |tx, (permit, id, at)| {
                Box::pin(async move { dossiers::remove_piece(tx, permit, *id, *at).await })
            })
            .await;
        assert!(refused.is_err());
        assert!(dossiers::pieces(world.app.database.read(), other).await.unwrap().contains(&piece));
        world.end().await;
    }
}
