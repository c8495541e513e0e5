//! What was filed is what is read: deposits that count, each under the version of the call in which it was made.

use std::collections::BTreeMap;
use std::sync::Arc;

use ami_database::calls::{self, Call};
use ami_database::deposits::{self, Filed};
use ami_database::places::Placed;
use ami_database::{ConnectionTrait, DatabaseError};
use ami_domain::call::CallDefinition;
use ami_domain::deposit::Identity;
use ami_domain::dossier::Dossier;
use ami_domain::ids::DossierId;

/// Who filed some dossiers of a call, and under which of its versions: all that a list shows of them, without their contents.
#[derive(Debug)]
pub(crate) struct Filings {
    filed: BTreeMap<DossierId, Filed>,
    versions: BTreeMap<i64, Arc<CallDefinition>>,
    current: Arc<CallDefinition>,
    current_version: i64,
}

impl Filings {
    /// Of these dossiers.
    pub(crate) async fn of(
        conn: &impl ConnectionTrait,
        call: &Call,
        dossiers: impl IntoIterator<Item = DossierId>,
    ) -> Result<Self, DatabaseError> {
        Self::with_versions(conn, call, deposits::filed(conn, dossiers).await?).await
    }

    /// Of one dossier that was read with what counts of it.
    pub(crate) async fn of_placed(conn: &impl ConnectionTrait, placed: &Placed) -> Result<Self, DatabaseError> {
        let filed = placed.filed.clone().map(|filed| (placed.dossier.id, filed));
        Self::with_versions(conn, &placed.call, filed.into_iter().collect()).await
    }

    /// Of every filed dossier.
    pub(crate) async fn of_call(conn: &impl ConnectionTrait, call: &Call) -> Result<Self, DatabaseError> {
        Self::with_versions(conn, call, deposits::filed_of_call(conn, call.id).await?).await
    }

    async fn with_versions(
        conn: &impl ConnectionTrait,
        call: &Call,
        filed: BTreeMap<DossierId, Filed>,
    ) -> Result<Self, DatabaseError> {
        let versions = calls::versions(conn, call, filed.values().map(|f| f.call_version)).await?;
        Ok(Self { filed, versions, current: Arc::clone(&call.definition), current_version: call.version })
    }

    /// Who applied, as it was filed.
    pub(crate) fn applicant(&self, id: DossierId) -> Option<&Identity> {
        self.filed.get(&id).map(|f| &f.applicant)
    }

    /// The applicant's name, as it was filed.
    pub(crate) fn name(&self, id: DossierId) -> String {
        self.applicant(id).map_or_else(String::new, |a| a.name.clone())
    }

    /// What the organisation says of itself today, where that differs. For officers.
    pub(crate) fn today(&self, id: DossierId) -> Option<&Identity> {
        self.filed.get(&id).and_then(Filed::changed)
    }

    /// The call as it was when the dossier was filed.
    pub(crate) fn definition(&self, id: DossierId) -> &CallDefinition {
        self.filed.get(&id).and_then(|f| self.versions.get(&f.call_version)).unwrap_or(&self.current)
    }

    /// Its number.
    pub(crate) fn version(&self, id: DossierId) -> i64 {
        self.filed.get(&id).map_or(self.current_version, |f| f.call_version)
    }

    /// The dossier's number, as on its receipt.
    pub(crate) fn number(&self, dossier: &Dossier) -> String {
        self.definition(dossier.id).dossier_number(dossier.number)
    }

    /// The lot's name, as on its receipt.
    pub(crate) fn lot_label(&self, dossier: &Dossier) -> String {
        self.definition(dossier.id).lot(&dossier.lot).map_or_else(String::new, |l| l.label.clone())
    }
}
