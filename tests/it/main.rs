mod connectors;
mod simulator;
