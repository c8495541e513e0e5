//! The record of acts: linking it.

use ami_database::journal as rows;

use crate::{Arrival, Result};

/// Links the acts that wait into their chains; gives how many.
pub async fn link(app: &Arrival) -> Result<usize> {
    let mut linked = 0;
    loop {
        let now =
            app.write(None, (), |work, ()| Box::pin(async move { Ok(rows::link(work.tx, work.at()).await?) })).await?;
        if now == 0 {
            return Ok(linked);
        }
        linked += now;
    }
}
