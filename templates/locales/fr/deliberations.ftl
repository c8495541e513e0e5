menu-deliberations = Délibérations

# Where a deliberation stands, and the acts on it.
deliberation-gathered = présentée à l'assemblée
deliberation-executory = exécutoire
deliberation-notified = notifiée
deliberation-act-gathered = Présentée à l'assemblée
deliberation-act-executory = Rendue exécutoire
deliberation-act-corrected = Corrigée
deliberation-act-notified = Notifiée

# How far a decision is.
stage-proposed = proposée
stage-gathered = présentée à l'assemblée
stage-executory = exécutoire
stage-notified = notifiée

note-gathered = Les décisions sont présentées à l'assemblée.
note-executory = La délibération est exécutoire.
note-corrected = La correction est enregistrée.

error-deliberation-exists = Une délibération de cet appel porte déjà ce numéro.
error-deliberation-not-executory = Cette délibération n'est pas encore exécutoire : enregistrez d'abord sa transmission et sa publication.
error-deliberation-executory = Cette délibération est déjà exécutoire. Ce qui a été mal enregistré se corrige par un autre acte.
error-deliberation-notified = Cette délibération est déjà notifiée. Ce qui a été mal enregistré se corrige par un autre acte.
error-deliberation-day = Vérifiez cette date : ni la transmission ni la publication ne précèdent la séance, et l'année doit être proche.
error-gather-nothing = Choisissez au moins une décision, ou un lot à déclarer sans suite.
error-gather-refused = Ces décisions ne peuvent pas toutes être présentées à l'assemblée.
error-gather-unknown = Ce dossier n'est pas de cet appel.
error-gather-undecided = Le dossier { $number } n'a pas encore de décision.
error-gather-stale = Le fondement de la décision sur { $number } a changé : confirmez-la ou prenez-en une autre d'abord.
error-gather-taken = La décision sur { $number } est déjà dans une délibération.
error-gather-lot-awarded = Le lot { $value } a une décision qui retient un dossier ou l'inscrit en liste complémentaire : il ne peut pas être déclaré sans suite.
