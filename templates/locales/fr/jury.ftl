# Rounds of marking.
round-calibration = étalonnage
round-individual = notation individuelle
round-harmonised = harmonisation
round-about-calibration = Chacun·e note des dossiers d'essai ; ces notes sont mises de côté à l'ouverture du tour suivant.
round-about-individual = Chacun·e note de son côté : aucun écart n'est montré avant la fin.
round-about-harmonised = Les juré·es dont les notes sont éloignées échangent et peuvent changer la leur, avec un motif.
note-round-opened = Le tour est ouvert.
note-mark-changed = Votre note est changée. Celle que vous aviez donnée reste inscrite à côté.
error-round-past = Cette date est passée. Choisissez un jour à venir.
error-round-phase = On ne note seul·e que pendant la notation.
error-round-order = L'harmonisation est ouverte, ou la notation individuelle a commencé : on ne revient pas au tour d'avant.
error-no-harmonisation = Le règlement de cet appel ne prévoit pas d'harmonisation.
error-mark-needed = { $criterion } : choisissez une note de l'échelle.
error-no-thread = { $criterion } : les notes ne sont pas assez éloignées pour être harmonisées.
error-text-needed = Écrivez votre message.
