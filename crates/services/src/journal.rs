//! The record of acts: linking it.

use ami_database::journal as rows;

use crate::{Arrival, Result};

/// Links the acts that wait into their chains; gives how many. Nothing is written when none waits.
pub async fn link(app: &Arrival) -> Result<usize> {
    let mut linked = 0;
    while rows::waits(app.database.read()).await? {
        let now =
            app.write(None, (), |work, ()| Box::pin(async move { Ok(rows::link(work.tx, work.at()).await?) })).await?;
        if now == 0 {
            // Another server has them in hand.
            break;
        }
        linked += now;
    }
    Ok(linked)
}
