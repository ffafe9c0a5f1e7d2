//! Virtual-time simulator with scripted peers and player models.
