//! The user, workspaces, projects, tasks, tags.

use super::{Lab, noon};
use syncline::{
    base::Error,
    connectors::clockify::{ClockifyError, Entity, NewEntry, NewProject},
};

fn project(name: &str) -> NewProject {
    NewProject {
        name: name.into(),
        color: "#0AC8B9".into(),
        note: "Google Meet attendance history".into(),
        billable: false,
        public: false,
    }
}

#[tokio::test]
async fn the_user_and_the_workspaces_are_read() {
    let lab = Lab::empty().await;
    let user = lab.clockify().user().await.expect("a user");
    assert_eq!(user.id, lab.user);
    assert_eq!(user.time_zone.as_deref(), Some("Europe/Zurich"));
    assert_eq!(user.active_workspace.as_ref(), Some(&lab.workspace));
    let workspaces = lab.clockify().workspaces().await.expect("a list");
    assert_eq!(workspaces.len(), 1);
    assert_eq!(workspaces[0].id, lab.workspace);
    assert!(!workspaces[0].settings.force_projects);
    lab.sim.world().clockify.workspaces[0].force_projects = true;
    let workspaces = lab.clockify().workspaces().await.expect("a list");
    assert!(workspaces[0].settings.force_projects);
}

#[tokio::test]
async fn a_project_is_found_on_any_page_whatever_its_case() {
    let lab = Lab::empty().await;
    {
        let mut world = lab.sim.world();
        world.add_projects(260);
        world.add_project("Google Meet");
    }
    let clockify = lab.clockify();
    let found = clockify.find_project(&lab.workspace, "google MEET").await;
    assert_eq!(
        found.expect("an answer").expect("a project").name,
        "Google Meet"
    );
    let all = clockify.projects(&lab.workspace).await.expect("a list");
    assert_eq!(all.len(), 261);
    let none = clockify.find_project(&lab.workspace, "Google").await;
    assert_eq!(none.expect("an answer"), None);

    lab.fault("clockify-projects-short-pages");
    let all = clockify.projects(&lab.workspace).await.expect("a list");
    assert_eq!(all.len(), 261);
}

#[tokio::test]
async fn an_archived_project_is_in_the_list() {
    let lab = Lab::empty().await;
    {
        let mut world = lab.sim.world();
        world.add_project("Old");
        world.clockify.projects[0].archived = true;
    }
    let found = lab.clockify().find_project(&lab.workspace, "old").await;
    assert!(found.expect("an answer").expect("a project").archived);
}

#[tokio::test]
async fn a_project_is_created_once_and_its_name_is_then_taken() {
    let lab = Lab::empty().await;
    let clockify = lab.clockify();
    let new = project("Google Meet");
    let create = || clockify.create_project(&lab.workspace, &new);
    let made = create().await.expect("a project");
    {
        let world = lab.sim.world();
        let kept = &world.clockify.projects[0];
        assert_eq!(kept.id, made.id);
        assert_eq!(kept.color, "#0AC8B9");
        assert_eq!(kept.note, "Google Meet attendance history");
        assert!(!kept.public && !kept.billable);
    }
    let error = create().await.expect_err("taken");
    assert!(matches!(error, ClockifyError::NameTaken { .. }), "{error}");
}

#[tokio::test]
async fn tasks_and_tags_are_listed_and_tags_are_made() {
    let lab = Lab::empty().await;
    let project = {
        let mut world = lab.sim.world();
        let project = world.add_project("ACME");
        world.add_task(&project, "Meetings");
        project
    };
    let clockify = lab.clockify();
    let tasks = clockify
        .tasks(&lab.workspace, &project)
        .await
        .expect("a list");
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].name, "Meetings");
    let tag = clockify.create_tag(&lab.workspace, "calendar-bot").await;
    let tag = tag.expect("a tag");
    assert_eq!(clockify.tags(&lab.workspace).await.expect("a list"), [tag]);
    let again = clockify.create_tag(&lab.workspace, "calendar-bot").await;
    assert!(
        matches!(again, Err(ClockifyError::NameTaken { .. })),
        "{again:?}"
    );
}

#[tokio::test]
async fn each_refusal_has_its_meaning() {
    let lab = Lab::empty().await;
    let stranger = lab.clockify_with("composed-wrong-key".into());
    let error = stranger.user().await.expect_err("refused");
    assert!(matches!(error, ClockifyError::KeyWrong { .. }), "{error}");
    match Error::from(error) {
        Error::NeedsReauth { token, .. } => assert_eq!(token, "tenants/default/tokens/clockify"),
        other => panic!("{other}"),
    }

    let mut entry = NewEntry {
        description: "x".into(),
        start: noon(),
        end: noon(),
        billable: false,
        project_id: None,
        task_id: None,
        tag_ids: Vec::new(),
    };
    let clockify = lab.clockify();
    lab.sim.world().clockify.workspaces[0].force_projects = true;
    let error = clockify.create_entry(&lab.workspace, &entry).await;
    assert!(
        matches!(error, Err(ClockifyError::ProjectRequired)),
        "{error:?}"
    );

    entry.project_id = Some("64c777ddd3fcab07cfbb0001".into());
    let error = clockify.create_entry(&lab.workspace, &entry).await;
    let project_gone = matches!(
        error,
        Err(ClockifyError::Gone {
            entity: Entity::Project
        }) | Err(ClockifyError::ProjectRequired)
    );
    assert!(project_gone, "{error:?}");

    lab.fault("clockify-403");
    let error = clockify.create_entry(&lab.workspace, &entry).await;
    assert!(
        matches!(error, Err(ClockifyError::Forbidden { .. })),
        "{error:?}"
    );
}
